"""AWS on this machine: moto's services, the function's runtime, an event-source poller and an endpoint, on loopback."""
