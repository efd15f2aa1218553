# SPDX-License-Identifier: Apache-2.0
"""What a scan is made of: task, direction, module, plan, engine, result. No I/O here."""
