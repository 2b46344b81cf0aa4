// A customer who comes back from the gateway's page need not press a button to see how it went.
const form = document.querySelector("form[data-submit-now]");
if (form) form.requestSubmit();
