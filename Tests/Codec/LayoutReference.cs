using DotNettyFraming.Codec;

namespace DotNettyFraming.Tests.Codec;

/// <summary>A slow decoder for any layout, written from its grammar alone: it inspects the whole stream byte by byte.</summary>
/// <remarks>It shares no code with the codec, so that a fault of one shows as a difference.</remarks>
internal sealed class LayoutReference(string layout, int maxPayload)
{
    private readonly Alternative[] _alternatives = [.. layout.Split('|').Select(text => new Alternative(text))];

    /// <summary>Returns the packets' lengths, the fault, and where the fault's packet starts.</summary>
    public (List<int> Packets, FramingFaultKind? Fault, int FaultAt) Decode(ReadOnlySpan<byte> stream)
    {
        List<int> packets = [];
        int start = 0;
        while (start < stream.Length)
        {
            (int Length, FramingFaultKind? Fault) packet = default;
            for (int end = start + 1; end <= stream.Length && packet == default; end++)
            {
                packet = Inspect(stream[start..end]);
            }

            if (packet.Fault is not null)
            {
                return (packets, packet.Fault, start);
            }

            if (packet.Length == 0 || start + packet.Length > stream.Length)
            {
                break;
            }

            packets.Add(packet.Length);
            start += packet.Length;
        }

        return (packets, null, -1);
    }

    private (int Length, FramingFaultKind? Fault) Inspect(ReadOnlySpan<byte> bytes)
    {
        List<Alternative> possible = [];
        foreach (Alternative alternative in _alternatives)
        {
            if (alternative.Matches(bytes))
            {
                possible.Add(alternative);
            }
        }

        if (possible.Count == 0)
        {
            return (0, FramingFaultKind.InvalidPrefix);
        }

        // The first counts once its literal bytes are there; if no other can match, its length counts earlier.
        bool decided = bytes.Length >= possible[0].LiteralsEnd;
        return decided || possible.Count == 1 ? possible[0].Length(bytes, maxPayload, decided) : default;
    }

    private sealed class Alternative
    {
        private readonly List<byte?> _bytes = [];
        private readonly int _lengthAt;
        private readonly string? _lengthType;
        private readonly uint _mask = uint.MaxValue;
        private readonly int _adjustment;

        public Alternative(string text)
        {
            foreach (string token in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                int skipped = 0;
                if (token.StartsWith("len:", StringComparison.Ordinal))
                {
                    _lengthAt = _bytes.Count;
                    string rest = token[4..];
                    int sign = rest.IndexOfAny(['+', '-', '&']);
                    _lengthType = sign < 0 ? rest : rest[..sign];
                    if (sign >= 0 && rest[sign] == '&')
                    {
                        _mask = Convert.ToUInt32(rest[(sign + 1)..], 16);
                    }
                    else if (sign >= 0)
                    {
                        _adjustment = int.Parse(rest[sign..]);
                    }

                    skipped = int.Parse(_lengthType.Trim('u', 'l', 'b', 'e')) / 8;
                }
                else if (token.StartsWith("skip:", StringComparison.Ordinal))
                {
                    skipped = int.Parse(token[5..]);
                }
                else if (token.StartsWith("time:", StringComparison.Ordinal))
                {
                    skipped = 4;
                }
                else
                {
                    _bytes.Add(Convert.ToByte(token, 16));
                }

                _bytes.AddRange(Enumerable.Repeat<byte?>(null, skipped));
            }
        }

        public int LiteralsEnd => _bytes.FindLastIndex(each => each is not null) + 1;

        public bool Matches(ReadOnlySpan<byte> bytes)
        {
            for (int i = 0; i < Math.Min(bytes.Length, _bytes.Count); i++)
            {
                if (_bytes[i] is { } literal && bytes[i] != literal)
                {
                    return false;
                }
            }

            return true;
        }

        /// <summary>Returns the packet's length once it counts, or its fault, which counts as soon as the field is there.</summary>
        public (int Length, FramingFaultKind? Fault) Length(ReadOnlySpan<byte> bytes, int maxPayload, bool decided)
        {
            long payload = 0;
            if (_lengthType is not null)
            {
                int size = int.Parse(_lengthType.Trim('u', 'l', 'b', 'e')) / 8;
                if (bytes.Length < _lengthAt + size)
                {
                    return default;
                }

                byte[] field = bytes.Slice(_lengthAt, size).ToArray();
                if (_lengthType.EndsWith("le", StringComparison.Ordinal))
                {
                    Array.Reverse(field);
                }

                payload = (field.Aggregate(0L, (value, each) => (value * 256) + each) & _mask) + _adjustment;
            }

            return payload < 0 ? (0, FramingFaultKind.InvalidLength)
                : payload > maxPayload ? (0, FramingFaultKind.PayloadTooLarge)
                : decided ? (_bytes.Count + (int)payload, null)
                : default;
        }
    }
}
