"""``python -m rnncli.integrations.lm_eval``: the harness's own command, with its own options, that knows ``rnncli``.

For releases that look for models in no other package, 0.4.13 among them. Where they do, ``lm_eval`` itself finds it.
"""

from __future__ import annotations

from lm_eval.__main__ import cli_evaluate

import rnncli.integrations.lm_eval as _  # noqa: F401

if __name__ == "__main__":
    cli_evaluate()
