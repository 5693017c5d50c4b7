"""Real media for the answers: video and sound by ffmpeg, pictures by Pillow."""
