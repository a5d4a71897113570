"""What the sample's parts are called. Apart from the sample itself, for code that only talks to it."""

NAMESPACE = "sample"
SERVICE = "helloworld"
PORT = 5000
CLIENT = "client"
