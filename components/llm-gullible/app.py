"""Writes code for a few tasks, and for whatever a document asks instead."""

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.chat import ChatError_InvalidRequest, Completion, FinishReason, Role, Usage

from writing import reply

MODEL = "gullible-1"


class Chat(exports.Chat):
    def complete(self, messages, options):
        system = "\n".join(message.content for message in messages if message.role == Role.SYSTEM)
        asked = [message.content for message in messages if message.role == Role.USER]
        if not asked:
            raise Err(ChatError_InvalidRequest("no message of the user asks anything"))
        content = reply(system, asked[-1])
        prompt, answer = sum(len(message.content.split()) for message in messages), len(content.split())
        return Completion(content, FinishReason.STOP, Usage(prompt, answer, prompt + answer), MODEL)
