"""Between the contract and the domain, both ways. Pure: it knows neither Redis nor a running call."""
