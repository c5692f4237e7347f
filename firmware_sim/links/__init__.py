"""How a simulated frame reaches a real receiver. A link is loaded when it is asked for."""
