"""The customer's side of the house. It has no pages yet: what customers get so far are their invoices by mail."""
