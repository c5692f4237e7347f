"""`clickclaim sim`: buttons that do not exist, by the thousand, and pictures of their contacts."""

from __future__ import annotations

from orchestrator.cli.app import new_app
from orchestrator.cli.sim_fleet import fleet
from orchestrator.cli.sim_plot import plot
from orchestrator.cli.sim_run import run

app = new_app(
    "Simulate buttons: scenarios, fleets on a real broker, plots of contacts.", group=True
)

# Each subcommand is a module beside this one, which loads what it needs when it runs.
app.command(short_help="Connect many buttons to a broker: is any click lost?")(fleet)
app.command(short_help="Draw a contact: waveform, level, edges, click.")(plot)
app.command(short_help="Live a scenario on virtual time: is all as expected?")(run)
