"""The page and the OpenAPI document that describe the API."""
