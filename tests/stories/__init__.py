"""What people of the border belt went through, told as tests: each reads like the story it is."""
