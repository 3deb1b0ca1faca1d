"""Simulated wearables: people, what they wear, and the radio between them and us.

Everything behind the antenna is real: HCI, L2CAP, ATT, GATT and SMP bytes of Bumble's
host stack.  Only the air, the bodies and the passing of time are made up.
"""
