"""From a script to what is spoken and seen when: sentences, scenes, their pace, the prompts of their images; pure."""
