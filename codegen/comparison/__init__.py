"""What differs between two editions of a document, and for whom: `python -m codegen report OLD NEW`."""
