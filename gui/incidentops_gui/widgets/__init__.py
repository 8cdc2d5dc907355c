"""The widgets: thin, they paint what the state says and send what the operator does."""
