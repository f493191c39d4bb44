"""The simulated agencies, one package each. None imports another, and none imports the gateway or its adapters."""
