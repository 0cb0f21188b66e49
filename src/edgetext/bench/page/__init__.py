"""results.json -> one HTML page that needs nothing but itself: no network, no fonts, no library."""
