"""ViewDefinitions compiled to SQL."""
