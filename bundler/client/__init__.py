"""A client of bundles' servers: typed from the contract, binary on the wire, patient where safe."""
