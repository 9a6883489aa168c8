"""Run AWS on loopback: moto's services, the function's runtime, an event-source poller and an endpoint."""
