"""Why a line costs what it costs."""
