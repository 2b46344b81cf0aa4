"""What happened, in words: audit events as lines of a timeline."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.audit_changes import shown
from models import AuditEvent
from web.formatters import moment_text

# verb -> (icon, kind of mark, words)
EVENTS: dict[str, tuple[str, str, Any]] = {
    "customer.created": ("user-plus", "ok", _l("Customer added")),
    "customer.changed": ("pencil", "", _l("Details changed")),
    "customer.currency_changed": ("refresh-cw", "warn", _l("Currency of the account changed")),
    "service.currency_changed": ("refresh-cw", "", _l("Price in another currency")),
    "customer.disabled": ("ban", "warn", _l("Disabled")),
    "customer.enabled": ("power", "ok", _l("Enabled")),
    "customer.archived": ("archive", "", _l("Archived")),
    "customer.anonymised": ("ban", "", _l("Anonymised")),
    "customer.merged": ("git-merge", "", _l("Merged into another customer")),
    "customer.took_over": ("git-merge", "", _l("Another customer merged into this one")),
    "customer.deleted": ("trash-2", "bad", _l("Deleted")),
    "customer.tagged": ("tag", "", _l("Tags added")),
    "customer.untagged": ("tag", "", _l("Tags removed")),
    "customer.note_added": ("sticky-note", "", _l("Note added")),
    "customer.note_changed": ("sticky-note", "", _l("Note changed")),
    "customer.note_deleted": ("sticky-note", "warn", _l("Note deleted")),
    "customer.note_restored": ("undo-2", "", _l("Note brought back")),
    "customer.salespeople_set": ("users", "", _l("Salespeople changed")),
    "customer.contacts_set": ("users", "", _l("Contacts changed")),
    "customer.identity_read": ("eye", "warn", _l("Identity number read")),
    "customer.invoice_address_added": ("mail", "", _l("Copies of invoices go to a further address")),
    "customer.invoice_address_removed": ("mail", "", _l("Copies of invoices no longer go to an address")),
    "customer.placed": ("users", "", _l("Put into a group by its rules")),
    "customer.fields_set": ("pencil", "", _l("Own fields changed")),
    "customer.projects_set": ("building-2", "", _l("Projects changed")),
    "customer_group.created": ("users", "ok", _l("Group added")),
    "customer_group.changed": ("users", "", _l("Group changed")),
    "customer_group.packages_set": ("users", "", _l("Packages of a group changed")),
    "customer_group.archived": ("archive", "", _l("Group archived")),
    "customer_group.restored": ("undo-2", "", _l("Group brought back")),
    "customer_group.deleted": ("trash-2", "bad", _l("Group deleted")),
    "tag.created": ("tag", "ok", _l("Tag added")),
    "tag.changed": ("tag", "", _l("Tag changed")),
    "tag.merged": ("git-merge", "warn", _l("Tags merged")),
    "tag.deleted": ("trash-2", "bad", _l("Tag deleted")),
    "project.created": ("building-2", "ok", _l("Project added")),
    "project.changed": ("building-2", "", _l("Project changed")),
    "project.archived": ("archive", "", _l("Project archived")),
    "project.restored": ("undo-2", "", _l("Project brought back")),
    "project.deleted": ("trash-2", "bad", _l("Project deleted")),
    "reseller.created": ("user-plus", "ok", _l("Reseller added")),
    "reseller.changed": ("pencil", "", _l("Reseller changed")),
    "reseller.archived": ("archive", "", _l("Reseller archived")),
    "reseller.restored": ("undo-2", "", _l("Reseller brought back")),
    "reseller.deleted": ("trash-2", "bad", _l("Reseller deleted")),
    "contract_type.created": ("scroll-text", "ok", _l("Contract type added")),
    "contract_type.changed": ("scroll-text", "", _l("Contract type changed")),
    "contract_type.archived": ("archive", "", _l("Contract type archived")),
    "contract_type.restored": ("undo-2", "", _l("Contract type brought back")),
    "contract_type.deleted": ("trash-2", "bad", _l("Contract type deleted")),
    "custom_field.created": ("pencil", "ok", _l("Own field added")),
    "custom_field.changed": ("pencil", "", _l("Own field changed")),
    "custom_field.archived": ("archive", "", _l("Own field archived")),
    "custom_field.restored": ("undo-2", "", _l("Own field brought back")),
    "custom_field.deleted": ("trash-2", "bad", _l("Own field deleted")),
    "billing_group.created": ("receipt-text", "", _l("Billing group added")),
    "billing_group.changed": ("receipt-text", "", _l("Billing group changed")),
    "billing_group.closed": ("archive", "", _l("Billing group closed")),
    "billing_group.reopened": ("undo-2", "", _l("Billing group opened again")),
    "service.moved": ("repeat", "", _l("Service moved to another billing group")),
    "charge.moved": ("repeat", "", _l("Charge moved to another billing group")),
    "fx_rate.created": ("coins", "", _l("Exchange rate added")),
    "fx_rates.imported": ("coins", "", _l("Exchange rates taken over")),
    "fx_rate.ended": ("coins", "", _l("End of exchange rate set")),
    "fx_rate.deleted": ("coins", "warn", _l("Exchange rate deleted")),
    "service.imported": ("upload", "ok", _l("Service imported")),
    "service.started": ("play", "ok", _l("Service started")),
    "service.cancelled": ("calendar", "warn", _l("End of service set")),
    "service.ended": ("calendar", "", _l("Service ended")),
    "service.resumed": ("play", "", _l("Service goes on after a pause")),
    "service.activated": ("play", "ok", _l("Service activated")),
    "service.suspended": ("ban", "warn", _l("Service suspended")),
    "service.unsuspended": ("play", "ok", _l("Service brought back after a suspension")),
    "service.paused": ("pause", "", _l("Service paused")),
    "service.pause_set": ("calendar", "", _l("Pause of a service set")),
    "service.pause_called_off": ("undo-2", "", _l("Pause of a service called off")),
    "service.end_removed": ("undo-2", "ok", _l("End of service removed")),
    "service.reactivated": ("undo-2", "ok", _l("Service brought back after its end")),
    "service.trial_changed": ("calendar", "", _l("Trial of a service changed")),
    "service.transfer_set": ("calendar", "", _l("Transfer of a service set")),
    "service.transfer_called_off": ("undo-2", "", _l("Transfer of a service called off")),
    "service.transferred": ("git-merge", "warn", _l("Service went to another customer")),
    "charge.added": ("plus", "", _l("Charge added")),
    "charge.ended": ("calendar", "", _l("End of charge set")),
    "charge.changed": ("pencil", "", _l("Charge changed")),
    "charge.deleted": ("trash-2", "warn", _l("Charge removed before it was billed")),
    "charge.lapsed": ("calendar", "", _l("Rest of a prepayment lapsed")),
    "charge.prepaid_again": ("undo-2", "", _l("Prepayment given back by a document")),
    "invoice.drafted": ("file-plus", "", _l("Draft written")),
    "invoice.draft_changed": ("pencil", "", _l("Draft changed")),
    "invoice.draft_deleted": ("x", "warn", _l("Draft deleted")),
    "invoice.voided": ("ban", "warn", _l("Invoice voided")),
    "invoice.credited": ("file-minus", "money", _l("Credit note written for it")),
    "credit_note.issued": ("file-minus", "money", _l("Credit note issued")),
    "proforma.issued": ("file-text", "info", _l("Proforma issued")),
    "proforma.voided": ("ban", "warn", _l("Proforma withdrawn")),
    "invoice.issued": ("receipt-text", "info", _l("Invoice issued")),
    "order.placed": ("shopping-cart", "", _l("Ordered on an order form")),
    "order.confirmed": ("circle-check", "", _l("E-mail address of an order confirmed")),
    "order.accepted": ("circle-check", "ok", _l("Order accepted")),
    "order.refused": ("ban", "warn", _l("Order refused")),
    "order.expired": ("clock", "warn", _l("Order expired")),
    "order.not_made": ("circle-alert", "bad", _l("Order could not be carried out, and waits for staff")),
    "order_form.created": ("plus", "", _l("Order form made")),
    "order_form.changed": ("pencil", "", _l("Order form changed")),
    "order_form.opened": ("play", "ok", _l("Order form opened")),
    "order_form.closed": ("pause", "warn", _l("Order form closed")),
    "order_form.archived": ("archive", "", _l("Order form archived")),
    "order_form.restored": ("history", "", _l("Order form restored")),
    "order_form.deleted": ("trash-2", "warn", _l("Order form deleted")),
    "order_block.added": ("ban", "warn", _l("Blocked from ordering")),
    "order_block.removed": ("circle-check", "", _l("May order again")),
    "quote.drafted": ("file-plus", "", _l("Quote drafted")),
    "quote.changed": ("pencil", "", _l("Draft of a quote changed")),
    "quote.deleted": ("trash-2", "warn", _l("Draft of a quote deleted")),
    "quote.sent": ("file-check", "info", _l("Quote numbered and frozen")),
    "quote.mailed": ("send", "", _l("Quote queued to be mailed")),
    "quote.link_made": ("link", "", _l("Link to a quote made")),
    "quote.note_changed": ("sticky-note", "", _l("Internal note changed")),
    "quote.accepted": ("circle-check", "ok", _l("Quote accepted")),
    "quote.declined": ("circle-x", "warn", _l("Quote declined")),
    "quote.expired": ("clock", "warn", _l("Quote expired")),
    "quote.withdrawn": ("ban", "warn", _l("Quote withdrawn")),
    "quote.revised": ("pencil", "", _l("New version of a quote begun")),
    "quote.superseded": ("repeat", "", _l("Quote replaced by a newer version")),
    "quote.invoiced": ("receipt-text", "ok", _l("Quote became an invoice")),
    "quote.not_invoiced": ("circle-alert", "bad", _l("Accepted quote did not become an invoice")),
    "quote.invoice_deleted": ("trash-2", "warn", _l("Invoice draft of a quote deleted")),
    "payment.recorded": ("banknote", "ok", _l("Payment recorded")),
    "payment_way.created": ("credit-card", "ok", _l("Way to pay added")),
    "payment_way.changed": ("credit-card", "", _l("Way to pay changed")),
    "payment_way.archived": ("archive", "", _l("Way to pay archived")),
    "payment_way.restored": ("undo-2", "", _l("Way to pay brought back")),
    "payment_way.deleted": ("trash-2", "bad", _l("Way to pay deleted")),
    "payment.put_on": ("banknote", "", _l("Rest of a payment put on invoices")),
    "payment.refunded": ("undo-2", "warn", _l("Payment refunded")),
    "payment.reversed": ("undo-2", "bad", _l("Payment taken back as a mistake")),
    "payment.receipt_sent": ("send", "", _l("Receipt queued")),
    "invoice.payment_taken_off": ("undo-2", "warn", _l("Money taken off the invoice")),
    "invoice.written_off": ("ban", "warn", _l("Written off")),
    "invoice.write_off_taken_back": ("undo-2", "", _l("Write-off taken back")),
    "credit.granted": ("coins", "money", _l("Credit given")),
    "credit.used": ("coins", "money", _l("Credit used")),
    "credit.changed": ("pencil", "", _l("Credit changed")),
    "credit.expired": ("clock", "warn", _l("Credit ran out")),
    "credit.paid_out": ("banknote", "money", _l("Credit paid out")),
    "credit.taken_back": ("undo-2", "warn", _l("Credit taken back")),
    "credit.topped_up": ("coins", "money", _l("Account topped up")),
    "customer.statement_mailed": ("mail", "", _l("Statement mailed")),
    "discount.created": ("tag", "ok", _l("Discount added")),
    "discount.changed": ("pencil", "", _l("Discount changed")),
    "discount.switched_on": ("power", "ok", _l("Discount switched on")),
    "discount.switched_off": ("ban", "warn", _l("Discount switched off")),
    "discount.archived": ("archive", "", _l("Discount archived")),
    "discount.restored": ("undo-2", "", _l("Discount brought back")),
    "coupon.created": ("tag", "ok", _l("Code added")),
    "coupon.generated": ("tag", "ok", _l("Codes made")),
    "coupon.switched_on": ("power", "ok", _l("Code in use again")),
    "coupon.switched_off": ("ban", "warn", _l("Code out of use")),
    "coupon.redeemed": ("tag", "money", _l("Code given in")),
    "coupon.taken_back": ("undo-2", "warn", _l("Use of a code taken back")),
    "package.created": ("package", "ok", _l("Package added")),
    "package.imported": ("upload", "ok", _l("Package imported")),
    "package.changed": ("pencil", "", _l("Package changed")),
    "package.archived": ("archive", "", _l("Package archived")),
    "package.restored": ("undo-2", "", _l("Package restored")),
    "package.hidden": ("lock", "", _l("Package hidden from customers")),
    "package.shown": ("eye", "", _l("Package shown to customers")),
    "package.deleted": ("trash-2", "bad", _l("Package deleted")),
    "bank_statement.read": ("banknote", "ok", _l("Bank statement read in")),
    "bank_line.booked": ("banknote", "ok", _l("Line of a bank statement booked")),
    "bank_line.ignored": ("minus", "", _l("Line of a bank statement ignored")),
    "bank_line.open": ("undo-2", "", _l("Line of a bank statement to do again")),
    "bank_line.taken_back": ("undo-2", "warn", _l("Booking of a bank line taken back")),
    "package_change.scheduled": ("clock", "", _l("Change of package scheduled")),
    "package_change.waits": ("clock", "warn", _l("Change of package waits for payment")),
    "package_change.failed": ("circle-alert", "bad", _l("Change of package could not be done")),
    "package_change.withdrawn": ("ban", "", _l("Change of package withdrawn")),
    "package_change.undone": ("undo-2", "warn", _l("Change of package undone")),
    "mass_change.asked_for": ("list-checks", "", _l("Change of many packages looked at")),
    "mass_change.started": ("play", "warn", _l("Change of many packages begun")),
    "mass_change.stopped": ("pause", "warn", _l("Change of many packages stopped")),
    "mass_change.discarded": ("x", "", _l("Change of many packages called off")),
    "price_change.decided": ("percent", "warn", _l("Prices changed in bulk")),
    "price_change.in_effect": ("percent", "", _l("Planned prices are in effect")),
    "price_change.undone": ("undo-2", "", _l("Change of prices undone")),
    "service.package_changed": ("refresh-cw", "ok", _l("Package of a service changed")),
    "service.price_changed": ("percent", "", _l("New price of a service")),
    "bulk_action.asked_for": ("list-checks", "", _l("Action on many customers asked for")),
    "bulk_action.stopped": ("ban", "warn", _l("Action on many customers stopped")),
    "bulk_action.refused": ("ban", "warn", _l("Action on too many customers refused")),
    "company.created": ("building-2", "ok", _l("Company set up")),
    "customer.imported": ("upload", "", _l("Imported from a file")),
    "deliveries.called_off": ("ban", "", _l("Waiting mail called off")),
    "termination.carried_out": ("log-out", "warn", _l("Customer leaves: end set and last bill made")),
    "termination.withdrawn": ("undo-2", "ok", _l("Customer stays after all")),
    "termination.finished": ("log-out", "", _l("Customer has left")),
    "charge.given_back": ("coins", "", _l("Rest of a prepayment given back as credit")),
    "end_reason.created": ("calendar", "ok", _l("Reason for ending added")),
    "end_reason.changed": ("calendar", "", _l("Reason for ending changed")),
    "end_reason.archived": ("archive", "", _l("Reason for ending archived")),
    "end_reason.restored": ("undo-2", "", _l("Reason for ending brought back")),
    "end_reason.deleted": ("trash-2", "bad", _l("Reason for ending deleted")),
    "webhook.created": ("share-2", "ok", _l("Webhook added")),
    "webhook.changed": ("share-2", "", _l("Webhook changed")),
    "webhook.switched_off": ("power", "warn", _l("Webhook switched off")),
    "webhook.switched_on": ("power", "ok", _l("Webhook switched on")),
    "webhook.secret_changed": ("key-round", "", _l("Secret of a webhook changed")),
    "webhook.deleted": ("trash-2", "bad", _l("Webhook deleted")),
    "webhook.given_up": ("circle-x", "bad", _l("Webhook given up")),
    "webhook.queued_again": ("refresh-cw", "", _l("Webhook queued again")),
    "delivery.bounced": ("mail", "bad", _l("Mail came back")),
    "delivery.failed": ("mail", "bad", _l("Mail could not be sent")),
    "delivery.queued_again": ("refresh-cw", "", _l("Mail queued again")),
    "delivery.stuck": ("clock", "warn", _l("Mail does not get through")),
    "delivery.unknown": ("circle-help", "warn", _l("Mail may not have arrived")),
    "import_file.discarded": ("trash-2", "", _l("Uploaded table thrown away")),
    "import_file.import_asked_for": ("upload", "", _l("Import asked for")),
    "import_file.uploaded": ("upload", "", _l("Table uploaded")),
    "import_mapping.removed": ("trash-2", "", _l("Mapping of imports removed")),
    "import_mapping.saved": ("bookmark", "", _l("Mapping of imports saved")),
    "dunning_plan.created": ("bell", "", _l("Dunning plan added")),
    "dunning_plan.changed": ("bell", "", _l("Dunning plan changed")),
    "dunning_plan.archived": ("archive", "warn", _l("Dunning plan archived")),
    "dunning_plan.restored": ("undo-2", "", _l("Dunning plan brought back")),
    "company.dunning_plan_chosen": ("bell", "", _l("Dunning plan chosen for everybody")),
    "invoice.promised": ("clock", "", _l("Payment promised")),
    "invoice.promise_withdrawn": ("undo-2", "", _l("Promise to pay withdrawn")),
    "invoice.promise_broken": ("clock", "warn", _l("Promise to pay broken")),
    "invoice.reminded": ("bell", "", _l("Reminder queued")),
    "invoice.sent_again": ("send", "", _l("Invoice queued to be sent again")),
    "mail.stopped": ("server", "bad", _l("Mail server does not take mail")),
    "package_option.imported": ("upload", "", _l("Option imported from a file")),
    "delivery.found": ("circle-check", "ok", _l("Text found at Twilio: it had been sent")),
    "delivery.cancelled": ("ban", "", _l("Not sent")),
    "delivery.mailed_instead": ("mail", "", _l("Mailed instead of texted")),
    "message.queued": ("send", "info", _l("Message queued")),
    "mailing.asked_for": ("send", "info", _l("Message sent")),
    "mailing.discarded": ("trash-2", "", _l("Draft of a message discarded")),
    "mailing.failed": ("circle-alert", "bad", _l("Message could not be queued")),
    "mailing.file_removed": ("paperclip", "", _l("Attachment removed")),
    "mailing.files_added": ("paperclip", "", _l("Attachments added")),
    "mailing.sent_on": ("refresh-cw", "", _l("Message sent on")),
    "mailing.stopped": ("ban", "warn", _l("Message stopped")),
    "message.stopped": ("ban", "warn", _l("Message stopped")),
    "document_template.created": ("plus", "ok", _l("Template of documents added")),
    "document_template.renamed": ("pencil", "", _l("Template of documents renamed")),
    "document_template.saved": ("pencil", "", _l("New version of a template of documents")),
    "document_template.archived": ("archive", "", _l("Template of documents archived")),
    "document_template.restored": ("undo-2", "", _l("Template of documents brought back")),
    "document_template.deleted": ("trash-2", "bad", _l("Template of documents deleted")),
    "message_template.created": ("plus", "ok", _l("Template of messages added")),
    "message_template.changed": ("pencil", "", _l("Template of messages changed")),
    "message_template.saved": ("pencil", "", _l("New version of a template")),
    "message_template.taken_back": ("undo-2", "", _l("Own words of a template taken back")),
    "message_template.deleted": ("trash-2", "bad", _l("Template of messages deleted")),
    "message_category.created": ("plus", "ok", _l("Category of messages added")),
    "message_category.changed": ("pencil", "", _l("Category of messages changed")),
    "message_category.deleted": ("trash-2", "", _l("Category of messages deleted")),
    "message_settings.changed": ("settings", "", _l("Settings of messages changed")),
    "tax_rate.created": ("percent", "ok", _l("Tax rate added")),
    "tax_rate.changed": ("percent", "", _l("Tax rate changed")),
    "tax_category.created": ("percent", "ok", _l("Kind of goods added")),
    "tax_category.changed": ("percent", "", _l("Kind of goods changed")),
    "tax_category.deleted": ("trash-2", "", _l("Kind of goods deleted")),
    "tax_text.changed": ("percent", "", _l("Legal text changed")),
    "mail.tested": ("mail", "", _l("Test mail sent")),
    "text.tested": ("send", "", _l("Test text sent")),
    "text.received": ("mail", "info", _l("Text received")),
    "opt_out.added": ("ban", "warn", _l("Wants no more of these messages")),
    "opt_out.removed": ("circle-check", "", _l("Wants messages again")),
    "phone.code_sent": ("send", "", _l("Code sent to the phone")),
    "phone.verified": ("circle-check", "ok", _l("Phone number verified")),
    "phone.cleared": ("undo-2", "", _l("Phone number no longer verified")),
    "saved_list.created": ("bookmark", "", _l("Filter saved")),
    "saved_list.changed": ("bookmark", "", _l("Saved filter changed")),
    "saved_list.deleted": ("trash-2", "", _l("Saved filter deleted")),
    "staff.digest_chosen": ("mail", "", _l("Choice of the daily digest changed")),
    "customer.contacted": ("phone", "", _l("Talk about overdue money noted")),
    "customer.held": ("pause", "warn", _l("Collecting put on hold")),
    "customer.released": ("play", "", _l("Collecting goes on")),
    "customer.reminded": ("bell", "", _l("Reminder of all that is overdue queued")),
    "job.paused": ("pause", "warn", _l("Job paused")),
    "job.resumed": ("play", "ok", _l("Job resumed")),
    "job.asked_for": ("play", "", _l("Job run by hand")),
    "settings.changed": ("settings", "", _l("Settings changed")),
    "service.changed": ("pencil", "", _l("Service changed")),
    "portal_access.added": ("user-plus", "ok", _l("Login added")),
    "portal_access.disabled": ("ban", "warn", _l("Login kept out")),
    "portal_access.enabled": ("power", "ok", _l("Login let in again")),
    "portal_access.removed": ("trash-2", "", _l("Login removed")),
    "portal_access.right_changed": ("shield-check", "warn", _l("Rights of a login changed")),
    "customer.entered": ("eye", "warn", _l("Staff entered the customer's view")),
    "customer.left": ("arrow-left", "", _l("Staff left the customer's view")),
    "staff.second_step_on": ("shield-check", "ok", _l("Two-step sign-in turned on")),
    "staff.second_step_off": ("shield-check", "warn", _l("Two-step sign-in turned off")),
    "staff.recovery_code_used": ("key-round", "warn", _l("Signed in with a recovery code")),
    "staff.recovery_codes_made": ("key-round", "", _l("New recovery codes made")),
    "portal_user.second_step_on": ("shield-check", "ok", _l("Two-step sign-in turned on")),
    "portal_user.second_step_off": ("shield-check", "warn", _l("Two-step sign-in turned off")),
    "portal_user.recovery_code_used": ("key-round", "warn", _l("Signed in with a recovery code")),
    "portal_user.recovery_codes_made": ("key-round", "", _l("New recovery codes made")),
    "portal_user.details_changed": ("user", "", _l("Own details changed")),
    "portal_user.email_changed": ("mail", "warn", _l("Signs in with another address")),
    "service.end_asked": ("ban", "warn", _l("Asked to cancel a service")),
    "portal_user.session_ended": ("log-out", "", _l("Signed out elsewhere")),
    "portal_user.password_set": ("key-round", "", _l("Password set by link")),
    "portal_user.sign_in_refused": ("log-in", "warn", _l("Sign-in to the portal refused")),
    "portal_user.signed_out": ("log-out", "", _l("Signed out of the portal")),
    "customer.welcome_queued": ("send", "", _l("Welcome mail queued")),
    "customer.link_made": ("link", "warn", _l("Link to set a password made")),
    "customer.default_payer_set": ("receipt-text", "", _l("Payer billed by default changed")),
    "payer.added": ("receipt-text", "ok", _l("Payer added")),
    "payer.changed": ("pencil", "", _l("Payer changed")),
    "payer.archived": ("archive", "", _l("Payer archived")),
    "payer.restored": ("undo-2", "", _l("Payer brought back")),
    "payer.removed": ("trash-2", "", _l("Payer deleted")),
    "payer.merged": ("git-merge", "warn", _l("Payers merged")),
    "file.added": ("paperclip", "", _l("File added")),
    "file.changed": ("pencil", "", _l("File described")),
    "file.removed": ("trash-2", "", _l("File removed")),
    "portal_user.signed_in": ("log-in", "", _l("Signed in to the portal")),
    "staff.created": ("user-plus", "ok", _l("Member of staff added")),
    "staff.details_changed": ("user-cog", "", _l("Own details changed")),
    "staff.disabled": ("ban", "warn", _l("Member of staff disabled")),
    "staff.enabled": ("circle-check", "ok", _l("Member of staff enabled")),
    "staff.password_changed": ("key-round", "", _l("Password changed")),
    "staff.role_changed": ("shield-check", "warn", _l("Role changed")),
    "staff.session_ended": ("log-out", "", _l("Session ended")),
    "staff.signed_in": ("log-in", "", _l("Signed in")),
    "staff.signed_out": ("log-out", "", _l("Signed out everywhere")),
}
# What kinds of records events are about.
OBJECTS: dict[str, Any] = {
    "billing_group": _l("Billing group"),
    "bulk_action": _l("Action on many"),
    "charge": _l("Charge"),
    "company": _l("Company"),
    "contract_type": _l("Contract type"),
    "end_reason": _l("Reason for ending"),
    "termination": _l("Customer who leaves"),
    "webhook_endpoint": _l("Webhook"),
    "webhook_delivery": _l("Delivery of a webhook"),
    "credit": _l("Credit"),
    "custom_field": _l("Own field"),
    "customer": _l("Customer"),
    "customer_group": _l("Group"),
    "coupon": _l("Code"),
    "delivery": _l("Delivery"),
    "discount": _l("Discount"),
    "fx_rate": _l("Exchange rate"),
    "import_file": _l("Import"),
    "import_mapping": _l("Mapping of imports"),
    "invoice": _l("Invoice"),
    "mailing": _l("Message"),
    "message": _l("Message"),
    "message_category": _l("Category"),
    "document_template": _l("Template of documents"),
    "message_template": _l("Template"),
    "message_settings": _l("Settings"),
    "opt_out": _l("Opt-out"),
    "package": _l("Package"),
    "package_option": _l("Option"),
    "file": _l("File"),
    "package_change": _l("Change of package"),
    "mass_change": _l("Change of many packages"),
    "payer": _l("Payer"),
    "payment": _l("Payment"),
    "payment_way": _l("Way to pay"),
    "portal_access": _l("Login"),
    "portal_user": _l("Login"),
    "price_change": _l("Price change"),
    "customer_order": _l("Order"),
    "order_form": _l("Order form"),
    "order_block": _l("Block"),
    "quote": _l("Quote"),
    "bank_statement": _l("Bank statement"),
    "bank_line": _l("Bank line"),
    "project": _l("Project"),
    "reseller": _l("Reseller"),
    "service": _l("Service"),
    "staff": _l("Staff"),
    "tag": _l("Tag"),
}


def timeline(events: list[AuditEvent]) -> list[dict[str, Any]]:
    """The events as the timeline macro prints them."""
    return [_line(event) for event in events]


def _line(event: AuditEvent) -> dict[str, Any]:
    icon, kind, words = EVENTS.get(event.verb, ("circle-dot", "", verb_words(event.verb)))
    about = event.object_label if event.object_type != "customer" else ""
    text = f"{words}: {about}" if about else words
    return change_words(icon, kind, text, event.actor, event.at, event.before, event.after)


def change_words(
    icon: str, kind: str, text: Any, who: str, at: datetime, before: dict[str, Any] | None, after: dict[str, Any] | None
) -> dict[str, Any]:
    """One line of a timeline, with what was before and after."""
    by = _("by %(name)s", name=who)
    note = "; ".join(changes(before or {}, after or {}))
    when = {"when": moment_text(at), "iso": at.isoformat()}
    return {"icon": icon, "kind": kind, "text": text, "by": by, "note": note, **when}


def event(row: AuditEvent) -> dict[str, Any]:
    """The event as the timeline prints it where the page says already what it is about."""
    icon, kind, words = EVENTS.get(row.verb, ("circle-dot", "", verb_words(row.verb)))
    told = {"icon": icon, "kind": kind, "text": words, "by": _("by %(name)s", name=row.actor)}
    return {**told, "when": moment_text(row.at), "iso": row.at.isoformat()}


def timeline_mark(verb: str) -> tuple[str, str]:
    """(icon, kind of mark) of an event."""
    return EVENTS[verb][:2] if verb in EVENTS else ("circle-dot", "")


def sentence(verb: str) -> str:
    """``customer.note_added`` in words: "Note added"."""
    return str(EVENTS[verb][2]) if verb in EVENTS else verb_words(verb)


def object_word(object_type: str) -> str:
    return str(OBJECTS.get(object_type) or object_type.replace("_", " ").capitalize())


def verb_words(verb: str) -> str:
    """A verb nobody has put in words yet: ``delivery.queued_again`` reads "Delivery queued again"."""
    return verb.replace(".", " ").replace("_", " ").capitalize()


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What was changed: ``city: Cork → Dublin``."""
    currency = str(after.get("currency") or before.get("currency") or "")
    names = [name for name in (*before, *(n for n in after if n not in before)) if name != "currency" or not currency]
    told = [name for name in names if not _beside(name) or len(names) == 1]
    told = [name for name in told if not (name.endswith("_id") and name.removesuffix("_id") in told)]
    return [_change(name, before, after, currency) for name in told if _said(before.get(name), after.get(name))]


def _beside(name: str) -> bool:
    """Whether it only says whose the fact beside it is."""
    return name.startswith("own_") or name == "group_by_hand"


def _said(old: Any, new: Any) -> bool:
    return old not in (None, "", False) or new not in (None, "", False)


def _change(name: str, before: dict[str, Any], after: dict[str, Any], currency: str) -> str:
    label = name.removesuffix("_minor").removesuffix("_id").replace("_", " ")
    old, new = (shown(name, values.get(name), currency) or "–" for values in (before, after))
    if name not in after:
        return f"{label}: {old}"
    return f"{label}: {old} → {new}" if name in before else f"{label}: {new}"
