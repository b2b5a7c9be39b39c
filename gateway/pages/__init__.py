"""The pages that the gateway serves by itself."""
