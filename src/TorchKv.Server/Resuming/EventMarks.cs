using System.Buffers;
using System.Buffers.Text;

namespace TorchKv.Server.Resuming;

/// <summary>
/// Gives the events of a stream their ids, and leaves out those that the reader of a resumed stream has already.
/// </summary>
/// <param name="choices">Choices of the request.</param>
/// <param name="after">How far the reader has come; null: it has nothing.</param>
/// <param name="writes">Whether ids are written.</param>
/// <remarks>Belongs to one stream; not thread-safe.</remarks>
internal sealed class EventMarks(int choices, StreamPosition? after, bool writes)
{
    private readonly ChoiceMarks[] _choices = NewChoices(choices);
    private readonly ArrayBufferWriter<byte> _line = new(64);
    private ReadOnlyMemory<byte> _next;

    private sealed class ChoiceMarks
    {
        public ChoicePhase Phase { get; set; }

        /// <summary>Tokens up to the last event.</summary>
        public int Tokens { get; set; }

        /// <summary>Tokens since the last event.</summary>
        public List<int> Waiting { get; } = new(4);
    }

    /// <summary>The line of the event that is written next; empty: none.</summary>
    public ReadOnlySpan<byte> Line => _next.Span;

    /// <summary>Takes tokens that the next event of their choice stands for.</summary>
    public void Take(int choice, IReadOnlyList<int> ids)
    {
        var waiting = _choices[choice].Waiting;
        for (var i = 0; i < ids.Count; i++)
        {
            waiting.Add(ids[i]);
        }
    }

    /// <summary>Marks the event that comes next.</summary>
    /// <param name="choice">Its choice.</param>
    /// <param name="phase">Its kind.</param>
    /// <param name="number">Its number, where the stream's events have numbers.</param>
    /// <returns>Whether the reader needs it.</returns>
    public bool Mark(int choice, ChoicePhase phase, int? number = null)
    {
        var marks = _choices[choice];
        var waiting = phase == ChoicePhase.Begun ? 0 : marks.Waiting.Count;
        marks.Phase = phase;
        marks.Tokens += waiting;
        var isNew = IsNew(choice, marks, number);
        _next = default;
        if (writes && isNew)
        {
            Write(choice, marks, waiting, number);
        }

        if (waiting > 0)
        {
            marks.Waiting.Clear();
        }

        return isNew;
    }

    /// <summary>Marks the event with the usage, which comes next.</summary>
    /// <returns>Whether the reader needs it.</returns>
    public bool MarkUsage()
    {
        _next = writes ? "id: usage\n"u8.ToArray() : default;
        return after is not { HasUsage: true };
    }

    /// <summary>The event that comes next has no id, since every reader may have it again.</summary>
    public void MarkNone() => _next = default;

    private bool IsNew(int choice, ChoiceMarks marks, int? number)
        => after is null
            || (number is { } given ? given > after.Number : !after[choice].Has(marks.Phase, marks.Tokens));

    private void Write(int choice, ChoiceMarks marks, int waiting, int? number)
    {
        _line.ResetWrittenCount();
        _line.Write("id: "u8);
        if (_choices.Length > 1)
        {
            Write(choice);
            _line.Write("/"u8);
        }

        Write(marks.Tokens);
        for (var i = 0; i < waiting; i++)
        {
            _line.Write(" "u8);
            Write(marks.Waiting[i]);
        }

        _line.Write(marks.Phase switch
        {
            ChoicePhase.Ended => " end"u8,
            ChoicePhase.LastText => " last"u8,
            _ => default,
        });
        if (_choices.Length > 1)
        {
            WriteAll();
        }

        if (number is { } given)
        {
            _line.Write(" #"u8);
            Write(given);
        }

        _line.Write("\n"u8);
        _next = _line.WrittenMemory;
    }

    private void WriteAll()
    {
        _line.Write(" @"u8);
        for (var i = 0; i < _choices.Length; i++)
        {
            if (i > 0)
            {
                _line.Write(","u8);
            }

            var position = PositionOf(i);
            if (position.Phase == ChoicePhase.None)
            {
                _line.Write("-"u8);
                continue;
            }

            Write(position.Tokens);
            _line.Write(position.Phase switch
            {
                ChoicePhase.Ended => "."u8,
                ChoicePhase.LastText => "!"u8,
                _ => default,
            });
        }
    }

    /// <summary>How far a choice has come: here, or in the stream that this one resumes.</summary>
    private ChoicePosition PositionOf(int choice)
    {
        var marks = _choices[choice];
        return after is not null && after[choice].Has(marks.Phase, marks.Tokens)
            ? after[choice]
            : new ChoicePosition(marks.Phase, marks.Tokens);
    }

    private void Write(int number)
    {
        Utf8Formatter.TryFormat(number, _line.GetSpan(11), out var length);
        _line.Advance(length);
    }

    private static ChoiceMarks[] NewChoices(int count)
    {
        var choices = new ChoiceMarks[count];
        for (var i = 0; i < count; i++)
        {
            choices[i] = new ChoiceMarks();
        }

        return choices;
    }
}
