"""What the pages of reports share: style, the axis of a plot, the template engine; no network, no fonts."""
