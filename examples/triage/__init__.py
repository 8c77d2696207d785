"""An e-mail triage graph: rules and scores on the text of one mail, no model needed."""
