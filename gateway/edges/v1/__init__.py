"""The native API, `/v1`: routes only translate. `routes` joins them."""
