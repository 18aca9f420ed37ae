"""The two faces that C06 shows: SOAP 1.1 and the JSON of provincial platforms."""
