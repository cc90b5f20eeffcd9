"""The knowledge: pure Python and data, without FHIR, web, clock, log or environment."""
