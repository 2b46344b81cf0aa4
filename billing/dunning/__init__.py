"""What is done about unpaid invoices, by the customers' plans: look which steps are due, take them, write them down."""
