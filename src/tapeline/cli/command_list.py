"""Say in plain text what `tapeline --help` and a TAB show of every command, so that neither imports one."""

from __future__ import annotations

#: The commands by heading, each with its function or `typer.Typer` in `cli`, and the first line of its help.
HEADINGS: dict[str, dict[str, tuple[str, str]]] = {
    "Try it": {
        "demo": (
            "replay_commands.demo",
            "Play a packaged week of real one-minute bars through the whole pipeline, with the page on 127.0.0.1.",
        ),
        "replay": (
            "replay_commands.replay",
            "Play bars from files through the whole pipeline into a data directory.",
        ),
        "inspect": (
            "file_commands.inspect",
            "Say what files of bars are taken for and why, what is wrong with them, and which options change that.",
        ),
        "doctor": (
            "doctor_commands.doctor",
            "Check what is installed, configured and writable, and say what to do about what is not.",
        ),
    },
    "Live": {
        "run": (
            "live_commands.run",
            "Analyse live: fetch history, compute every indicator, train or load the model, then follow the market.",
        ),
        "collect": (
            "live_commands.collect",
            "Collect only: history and live bars into the data directory, for a `tapeline process` beside it.",
        ),
        "process": (
            "live_commands.process",
            "Process only: indicators and predictions of what a `tapeline collect` writes into the data directory.",
        ),
        "backfill": (
            "backfill_commands.backfill",
            "Fetch history into the archive, and write its bars to a file. A second run fetches only what is new.",
        ),
        "symbols": (
            "symbol_commands.app",
            "Show or change which symbols are collected; a running collector follows.",
        ),
        "alerts": (
            "alert_commands.app",
            "Add, list, remove or try alert rules, and list what fired.",
        ),
    },
    "Look": {
        "show": (
            "inspect_commands.show",
            "Print the newest stored rows of a symbol, oldest first.",
        ),
        "forecast": (
            "forecast_commands.forecast",
            "Say how far a symbol's price is expected to move in its next bars, and how often such ranges held.",
        ),
        "odds": (
            "odds_commands.odds",
            "Say how likely a price is passed or touched in the next bars, by the newest forecast that looks so far.",
        ),
        "scan": (
            "scan_commands.scan",
            "List the symbols on whose newest bar a rule holds, in the grammar of alerts.",
        ),
        "dashboard": (
            "inspect_commands.dashboard",
            "Serve the page over a data directory, or over DynamoDB where the setting aws.rows_table names one.",
        ),
        "sql": (
            "query_commands.sql",
            "Ask the data directory in SQL, over the views bars, forecasts and rejects. Times are UTC.",
        ),
        "rejects": (
            "inspect_commands.rejects",
            "List the records that were refused: where each stood, why, what it was, and how many it stands for.",
        ),
    },
    "Files": {
        "indicators": (
            "indicator_commands.indicators",
            "Compute indicators over a file of bars, or list what can be computed.",
        ),
        "resample": (
            "resample_commands.resample",
            (
                "Write the longer candles that a file's bars make, as the page shows "
                "them: aligned to the exchange's sessions."
            ),
        ),
        "export": (
            "export_commands.export",
            "Write stored bars to files (--out), or copy the data directory's history, models and rows to AWS.",
        ),
    },
    "Models": {
        "train": (
            "training_commands.train",
            "Train a model on files of bars, or on stored ones, and put it into the registry.",
        ),
        "evaluate": (
            "evaluation_commands.evaluate",
            "Test the model walk-forward beside its baselines. The first line says whether it is better than they are.",
        ),
        "score": (
            "score_commands.score",
            "Grade the stored forecasts whose horizon has passed: ranges beside EWMA, directions beside the base rate.",
        ),
        "models": (
            "model_commands.app",
            "List the trained models, and choose which one is in use.",
        ),
    },
    "Keep": {
        "check": (
            "check_commands.check",
            "Look for damage in everything stored, name it, and say what can be fetched or computed again.",
        ),
        "backup": (
            "backup_commands.backup",
            "Copy the data directory to a folder, of one moment, while others write; the copy is verified.",
        ),
        "restore": (
            "backup_commands.restore",
            "Put a backup in place as the data directory, after it was verified.",
        ),
        "users": (
            "user_commands.app",
            "Add, list or remove who may log in to the page.",
        ),
    },
    "AWS": {
        "collector": (
            "collector_commands.collector",
            "Put the feed's bars onto a Kinesis stream, as the container on AWS does. Every option can be a setting.",
        ),
        "upload": (
            "cloud_commands.upload",
            "Put files of bars into the history on S3, where training on AWS finds them.",
        ),
        "import": (
            "cloud_commands.import_",
            (
                "Copy history, models and rows from AWS into the data directory: the rows from DynamoDB, the others "
                "from S3."
            ),
        ),
        "deploy-model": (
            "deploy_commands.deploy_model",
            (
                "Serve a model of the registry from a SageMaker endpoint, with a canary and "
                "automatic rollback; wait for the end."
            ),
        ),
    },
}

#: All of them, in this order.
COMMANDS = {name: entry for commands in HEADINGS.values() for name, entry in commands.items()}
