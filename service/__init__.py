"""The shell: Flask, HTTP, FHIR and storage around the knowledge in ``cards``."""
