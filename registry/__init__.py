"""The social registry: a consumer of the gateway like any other. It uses the public API through `sandhi_client`."""
