//! The shutdown request, which every long-running task waits for.

use tokio::sync::watch;

/// The sender of the request. Dropping it sends the request too.
#[derive(Debug)]
pub struct Stopper {
    asked: watch::Sender<bool>,
}

/// The receiver of the request. All clones receive it.
#[derive(Clone, Debug)]
pub struct Stop {
    asked: watch::Receiver<bool>,
}

impl Stopper {
    /// Creates both ends.
    pub fn new() -> (Self, Stop) {
        let (sender, receiver) = watch::channel(false);
        (Self { asked: sender }, Stop { asked: receiver })
    }

    /// Asks every task to finish its current work and to start nothing new.
    pub fn stop(&self) {
        self.asked.send_replace(true);
    }
}

impl Stop {
    /// Returns `true` if a shutdown was requested.
    pub fn is_asked(&self) -> bool {
        *self.asked.borrow() || self.asked.has_changed().is_err()
    }

    /// Waits for the request.
    pub async fn asked(&self) {
        // An error means that the Stopper was dropped.
        let mut asked = self.asked.clone();
        let _gone = asked.wait_for(|asked| *asked).await.is_err();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_clones_hear_it_also_when_they_listen_late() {
        let (stopper, stop) = Stopper::new();
        let early = tokio::spawn({
            let stop = stop.clone();
            async move { stop.asked().await }
        });
        assert!(!stop.is_asked());
        stopper.stop();
        early.await.unwrap();
        stop.asked().await;
        assert!(stop.is_asked());
    }

    #[tokio::test]
    async fn nobody_waits_for_one_who_is_gone() {
        let (stopper, stop) = Stopper::new();
        drop(stopper);
        stop.asked().await;
        assert!(stop.is_asked());
    }
}
