"""The demo: synthetic patients, a FHIR server that holds them, a command to start it."""
