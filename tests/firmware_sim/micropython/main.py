"""On MicroPython: vectors in from the host, results out as one line of JSON."""

import binascii
import json

import host
import vectorrun


def aes_block_for(key_hex):
    def aes_block(block):
        return binascii.unhexlify(host.aes_block(key_hex, binascii.hexlify(block).decode()))

    return aes_block


print(json.dumps(vectorrun.run(json.loads(host.input()), aes_block_for)))
