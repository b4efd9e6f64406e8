"""A real HAPI server and HAPI's validator on this machine."""
