"""The handlers behind the route table, one class per subject. Each takes the request, the path's parameter and the
caller, and gives the answer."""
