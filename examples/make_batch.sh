#!/bin/sh
# make_batch: a batch file in OpenAI's format, from each question and each subject of prompts.txt.
#
#   examples/make_batch.sh >batch.jsonl
#
# The prompts hold no backslash and no control character, so a quote is all that JSON has to have
# escaped.
awk '
    /^Q / { questions[++questions_count] = substr($0, 3) }
    /^S / { subjects[++subjects_count] = substr($0, 3) }
    END {
        for (s = 1; s <= subjects_count; s++) {
            for (q = 1; q <= questions_count; q++) {
                prompt = questions[q]
                sub(/SUBJECT/, subjects[s], prompt)
                gsub(/"/, "\\\"", prompt)
                printf "{\"custom_id\":\"question-%d\",\"method\":\"POST\"", ++count
                printf ",\"url\":\"/v1/chat/completions\",\"body\":{\"model\":\"mock\""
                printf ",\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]", prompt
                printf ",\"max_tokens\":64}}\n"
            }
        }
    }' "$(dirname "$0")/prompts.txt"
