//! The request to stop, which everything that runs for long listens to.

use tokio::sync::watch;

/// Who asks. Dropped, it has asked as well.
#[derive(Debug)]
pub struct Stopper {
    asked: watch::Sender<bool>,
}

/// Who is asked. All clones hear the same.
#[derive(Clone, Debug)]
pub struct Stop {
    asked: watch::Receiver<bool>,
}

impl Stopper {
    /// Both ends.
    pub fn new() -> (Self, Stop) {
        let (sender, receiver) = watch::channel(false);
        (Self { asked: sender }, Stop { asked: receiver })
    }

    /// Asks everybody to finish what they do, and to begin nothing.
    pub fn stop(&self) {
        self.asked.send_replace(true);
    }
}

impl Stop {
    /// Whether it was asked.
    pub fn is_asked(&self) -> bool {
        *self.asked.borrow() || self.asked.has_changed().is_err()
    }

    /// Waits until it is asked.
    pub async fn asked(&self) {
        // An error is a Stopper that is gone.
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
