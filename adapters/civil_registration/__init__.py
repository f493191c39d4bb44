"""Civil registration: DCI CRVS as OpenCRVS's bridge serves it, and OpenCRVS 1's webhook; see README.md."""
