"""Judge rules over stored bars once a second, and deliver what fires to page, log, webhook, e-mail or SNS.

`rules` defines what a rule says, `grammar` parses rules from text, `rule_state` judges them without I/O or clock,
`bar_values` reads the store for them, `runner` brings these together, `journal` keeps what fired, `delivery` sends it
to channels, and `service` is all of it in one place.
"""
