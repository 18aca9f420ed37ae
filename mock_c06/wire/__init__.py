"""The wire format: read enquiries and write records, in SOAP 1.1 and in the JSON of provincial platforms."""
