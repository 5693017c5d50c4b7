"""The only room that touches media files: fetches them, looks into them, and has ffmpeg make new ones.

Files from outside are hostile until shown otherwise: `fetch` bounds and sniffs them, `sniff` says which of ffmpeg's
demuxers may read them, and every program that decodes one is a process of its own under limits (`children`).
It knows nothing of jobs, fal or Redis.
"""
