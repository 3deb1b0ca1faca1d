"""FHIR R4: what is stored here, in the words that hospitals' systems understand."""
