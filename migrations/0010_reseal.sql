-- A stored secret is sealed anew when the keys change; nothing else of it does.

GRANT UPDATE (sealed) ON webhook_secrets TO tenant_app;
