namespace TorchKv.Runtime.Sampling;

/// <content>The constraint that every sequence of the search keeps to.</content>
internal sealed partial class BeamSearch
{
    // Each beam's constraint; null of beams that are not in use or have ended. Null as a whole: no constraint.
    private SequenceConstraint?[]? _constraints;
    private SequenceConstraint?[] _nextConstraints = [];

    /// <summary>Gives the search a constraint that every sequence must keep to, before its first step.</summary>
    internal void Constrain(SequenceConstraint constraint)
    {
        _constraints = new SequenceConstraint[NumBeams];
        _nextConstraints = new SequenceConstraint[NumBeams];
        _constraints[0] = constraint;
    }

    /// <summary>
    /// Whether a beam has no place in a search with a constraint: it is not in use, or it has ended. HuggingFace keeps
    /// such beams with a low score, and would continue them with tokens that are not allowed.
    /// </summary>
    private bool IsExcluded(int beam) => _constraints is not null && _constraints[beam] is null;

    private void ApplyConstraint(int beam, Span<float> row)
    {
        if (IsExcluded(beam))
        {
            row.Fill(float.NegativeInfinity);
        }
        else
        {
            _constraints?[beam]!.Apply(row);
        }
    }

    /// <summary>Lets each running beam continue from the constraint of the beam that it continues.</summary>
    private void AdvanceConstraints()
    {
        if (_constraints is null)
        {
            return;
        }

        for (var beam = 0; beam < NumBeams; beam++)
        {
            _nextConstraints[beam] = null;
            if (_running[beam].Score > LeastScore)
            {
                // Every beam that continues the same one needs a constraint of its own.
                var constraint = _constraints[_beamIndices[beam]]!;
                var isShared = _beamIndices.AsSpan(beam + 1).Contains(_beamIndices[beam]);
                _nextConstraints[beam] = isShared ? constraint.Fork() : constraint;
                _nextConstraints[beam]!.Append(_nextTokens[beam]);
            }
        }

        (_constraints, _nextConstraints) = (_nextConstraints, _constraints);
    }
}
