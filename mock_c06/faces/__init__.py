"""The registry faces: one call over SOAP 1.1 or a provincial platform's JSON, from the HTTP request to its reply."""
