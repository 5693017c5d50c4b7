"""What a script says: its sentences and scenes, and how long they take to speak."""
