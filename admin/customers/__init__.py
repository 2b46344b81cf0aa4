"""Customers in the panel: the list, the forms, the page of each, and finding one for any other form."""
