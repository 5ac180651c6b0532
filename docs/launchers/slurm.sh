#!/bin/bash
# Four processes on two nodes train one model: sbatch slurm.sh
#
# It is submitted from a folder that all nodes share.
#SBATCH --job-name=softmax
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=2
#SBATCH --cpus-per-task=4
#SBATCH --time=04:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
# Two minutes before the time is over the run is saved, and goes on in the next job.
#SBATCH --signal=TERM@120

# Workers end by themselves when one is lost. If Slurm ended them at once, the chief could not save.
srun --distribution=block --kill-on-bad-exit=0 --wait=0 \
    tfsoftmax-train idx:mnist --batch-size=16384 \
    --checkpoint-dir=run --resume --output-dir=models
code=$?

# 75: a worker was lost. More than 128: one was ended by a signal.
if ((code == 75 || code > 128)) && ((${SLURM_RESTART_COUNT:-0} < 4)); then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
