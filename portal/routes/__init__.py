"""The API's routes, one module per thing, and what they have in common."""
