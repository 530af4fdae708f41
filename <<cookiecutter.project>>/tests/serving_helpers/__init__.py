"""Servers, clients and requests that the tests of the server share."""
